//! PROXY headers: taken from proxies in front of pen, sent to servers behind it, among real programs on both sides.

mod proxy_protocol {
    mod accepting;
    mod chains;
    mod header;
    mod hostile;
    mod selection;
    mod sending;
}

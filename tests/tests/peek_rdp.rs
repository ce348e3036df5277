//! `peek rdp`: users come back to the server of their session, whatever else comes in front of a server.

mod peek_rdp {
    mod desk;
    mod first_bytes;
    mod tokens;
    mod under_way;
    mod users;
    mod xrdp;
}

//! `transparent`: servers see the clients' own addresses. The networks that this needs are made of namespaces.

mod transparent {
    mod connections;
    mod flows;
    mod rights;
    mod site;
}

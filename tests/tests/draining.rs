//! Servers that drain, are in maintenance, are down or come back: who gets there, and who does not.

#[path = "draining/by_hand.rs"]
mod by_hand;
#[path = "draining/datagrams.rs"]
mod datagrams;
#[path = "draining/down.rs"]
mod down;
#[path = "draining/gently.rs"]
mod gently;
#[path = "draining/kept.rs"]
mod kept;
#[path = "draining/seen.rs"]
mod seen;

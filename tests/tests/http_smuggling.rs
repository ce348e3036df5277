//! Hostile requests through `-H`, to nginx and to Apache: what pen passes on, they frame as they do when they get it straight
//! from the client, and what it refuses, they have never seen.

mod smuggling {
    mod case;
    mod differences;
    mod site;
}

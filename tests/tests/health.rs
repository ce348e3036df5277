//! Checks of servers and questions to their agents, with real servers and with hostile ones. What becomes of clients is in
//! other suites; here it is who is found up or down, and that nobody is disturbed by that.

mod health {
    mod agents;
    mod changes;
    mod hostile;
    mod kinds;
    mod log;
    mod many;
    mod programs;
    mod real;
}

//! What an agent says of its server.

/// An agent's answer, in which several words may have come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// What it wants.
    pub word: AgentWord,
    /// The part of its share in new clients that the server is to get, in percent, 0 to 100; at 0 it gets none.
    pub share: u8,
    /// How many connections it is to have at most; `None`: as many as otherwise.
    pub max: Option<u32>,
}

/// What an agent wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AgentWord {
    /// Its server serves.
    #[default]
    Ready,
    /// It gets no clients but those whose server it was.
    Drain,
    /// It gets nobody.
    Maint,
    /// It is down, whatever the check says.
    Down,
}

impl Default for AgentReport {
    /// Of a server without an agent.
    fn default() -> AgentReport {
        AgentReport { word: AgentWord::Ready, share: 100, max: None }
    }
}

//! What an agent says of its server.

use std::sync::Arc;

use common::command::AdminState;

use super::Condition;

/// What an agent wants, all that it has said since it is asked taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// Whether its server works; if not, that counts whatever the check says.
    pub condition: Condition,
    /// Whom the server is to get.
    pub admin: AdminState,
    /// The part of its share in new clients that the server is to get, in percent, 0 to 100; at 0 it gets none.
    pub share: u8,
    /// How many connections it is to have at most, at least 1; `None`: as many as otherwise.
    pub max: Option<u32>,
}

/// What an agent has said in one answer. Each word speaks of one matter, and what it does not speak of stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentAnswer {
    /// `up`; or `down`, `fail`, `failed`, `stopped`.
    pub condition: Option<Condition>,
    /// `ready`, `drain` or `maint`.
    pub admin: Option<AdminState>,
    /// A percentage, or what a load of so many percent leaves.
    pub share: Option<u8>,
    /// `maxconn:N`; 0 takes the limit back.
    pub max: Option<u32>,
    /// Why it says so, as it tells people behind a `#`: one line, short and escaped.
    pub reason: Option<Arc<str>>,
}

/// What a report comes to, if it is to be told in one word.
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
        AgentReport { condition: Condition::Up, admin: AdminState::Ready, share: 100, max: None }
    }
}

impl AgentReport {
    /// What it becomes by the next answer.
    #[must_use]
    pub fn after(self, answer: &AgentAnswer) -> AgentReport {
        AgentReport {
            condition: answer.condition.unwrap_or(self.condition),
            admin: answer.admin.unwrap_or(self.admin),
            share: answer.share.unwrap_or(self.share),
            max: answer.max.map_or(self.max, |max| Some(max).filter(|max| *max > 0)),
        }
    }

    /// The word that keeps most clients away.
    pub fn word(&self) -> AgentWord {
        match (self.condition, self.admin) {
            (Condition::Down, _) => AgentWord::Down,
            (Condition::Up, AdminState::Maint) => AgentWord::Maint,
            (Condition::Up, AdminState::Drain) => AgentWord::Drain,
            (Condition::Up, AdminState::Ready) => AgentWord::Ready,
        }
    }
}

impl AgentWord {
    /// As agents say it.
    pub fn as_str(self) -> &'static str {
        match self {
            AgentWord::Ready => "ready",
            AgentWord::Drain => "drain",
            AgentWord::Maint => "maint",
            AgentWord::Down => "down",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_changes_what_it_speaks_of_and_nothing_else() {
        let start = AgentReport::default();
        let half = AgentReport { share: 50, ..start };
        assert_eq!(start.after(&AgentAnswer { share: Some(50), ..AgentAnswer::default() }), half);
        let down = AgentReport { condition: Condition::Down, ..half };
        assert_eq!(
            half.after(&AgentAnswer { condition: Some(Condition::Down), ..AgentAnswer::default() }),
            down
        );
        let drained = AgentReport { admin: AdminState::Drain, ..down };
        assert_eq!(
            down.after(&AgentAnswer { admin: Some(AdminState::Drain), ..AgentAnswer::default() }),
            drained
        );
        let limited = AgentReport { max: Some(7), ..drained };
        assert_eq!(drained.after(&AgentAnswer { max: Some(7), ..AgentAnswer::default() }), limited);
        assert_eq!(limited.after(&AgentAnswer { max: Some(0), ..AgentAnswer::default() }), drained);
        assert_eq!(limited.after(&AgentAnswer::default()), limited);
    }

    #[test]
    fn the_strictest_word_is_told() {
        let word =
            |condition, admin| AgentReport { condition, admin, ..AgentReport::default() }.word().as_str();
        assert_eq!(word(Condition::Down, AdminState::Maint), "down");
        assert_eq!(word(Condition::Down, AdminState::Ready), "down");
        assert_eq!(word(Condition::Up, AdminState::Maint), "maint");
        assert_eq!(word(Condition::Up, AdminState::Drain), "drain");
        assert_eq!(word(Condition::Up, AdminState::Ready), "ready");
    }
}

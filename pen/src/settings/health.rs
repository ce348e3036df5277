//! How a service's servers are tested: what commands change of it.

use std::sync::Arc;

use common::command::HealthChange;

use super::Health;

/// `health …` and `no health …`.
pub fn change(health: &mut Health, change: HealthChange) {
    match change {
        HealthChange::Check(check) => health.check = Some(Arc::new(check)),
        HealthChange::Agent(agent) => health.agent = Some(agent),
        HealthChange::NoAgent => health.agent = None,
        HealthChange::Neither => *health = Health::default(),
    }
}

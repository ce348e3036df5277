//! The search, stage by stage.

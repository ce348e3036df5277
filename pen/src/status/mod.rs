//! status
pub mod answers {
    use super::snapshot::*;
    pub fn servers(_: &[ServerStatus]) -> String {
        String::new()
    }
    pub fn connections(_: &[ConnectionStatus]) -> String {
        String::new()
    }
    pub fn connection(_: u32, _: Option<&ConnectionStatus>) -> String {
        String::new()
    }
    pub fn recent(_: &[ClientStatus], _: u32) -> String {
        String::new()
    }
}
pub mod html {
    pub fn render(_: &super::snapshot::Snapshot) -> String {
        String::new()
    }
}
pub mod text {
    pub fn render(_: &super::snapshot::Snapshot) -> String {
        String::new()
    }
}
pub mod collect;
pub mod snapshot;

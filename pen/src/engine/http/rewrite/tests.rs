use super::*;

mod assured;
mod hostile;
mod random;

//! How much is too much: the guard, before a body is read, and the limits of plans, people, keys and services.

mod alone;
mod asked;
mod blocks;
mod circuit;
mod decide;
pub mod directory;
mod errand;
pub mod guard;
pub mod headers;
pub mod http;
mod leases;
pub mod limit;
mod open;
pub mod owner;
mod penalties;
mod returns;
pub mod rules;
pub mod store;
pub mod stores;
pub mod verdict;

pub use blocks::{Blocks, Shut};
pub use decide::{Limits, Manner};
pub use directory::LimitDirectory;
pub use open::{LimitSettings, RedisSettings};
pub use penalties::Penalties;

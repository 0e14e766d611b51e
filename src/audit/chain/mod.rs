//! The chain over the event log: every event gets a number, without a gap, in the order of the commits, and every batch
//! of them a hash that rests on all hashes before it. So whatever is changed in the database afterwards is found
//! (`verify.rs`), and the number is where a reader of events goes on (`feed.rs`).

pub mod canonical;
mod checkpoint;
mod feed;
mod flaw;
mod link;
mod sealer;
mod store;
mod verify;

pub use checkpoint::{Checkpoint, Signature, Statement, checkpoints, checkpoints_after};
pub use feed::{Numbered, numbered_after, sequence_of};
pub use flaw::{Flaw, Named};
pub use sealer::{Sealed, Sealer, Signer, Standing, standing};
pub use store::heed_restored;
pub use verify::{Kept, Report, Scope, verify};

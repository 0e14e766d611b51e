//! `grantor audit checkpoints`

use crate::app::commands::{Refusal, Shell};
use crate::audit::chain::{Checkpoint, checkpoints};

pub(super) fn run(shell: &Shell) -> Result<(), Refusal> {
    let all = shell.open()?.ledger.read_here(checkpoints)?;
    shell.say(&all.iter().map(Checkpoint::json).collect::<Vec<_>>(), || {
        all.iter().map(|one| one.signature.as_str()).collect::<Vec<_>>().join("\n")
    })
}

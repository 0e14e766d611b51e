//! `grantor audit checkpoints`

use serde_json::json;

use crate::app::commands::{Refusal, Shell};
use crate::audit::chain::{Checkpoint, checkpoints};

pub(super) fn run(shell: &Shell) -> Result<(), Refusal> {
    let all = shell.open()?.ledger.read_here(checkpoints)?;
    let told = |one: &Checkpoint| json!({ "seq": one.seq, "batch": one.batch, "kid": one.kid, "created_at": one.created_at, "jws": one.signature });
    shell.say(&all.iter().map(told).collect::<Vec<_>>(), || {
        all.iter().map(|one| one.signature.as_str()).collect::<Vec<_>>().join("\n")
    })
}

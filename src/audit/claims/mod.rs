//! Requests that are done once, however often they are sent. The claim is a row of the transaction that does it: either
//! both are there or neither is, whenever the server dies. The answer is added to it afterwards; a row without one means
//! that it was done, or is about to be, and that nobody may do it again.

pub(super) mod store;

use serde_json::Value;

use crate::audit::Ledger;
use crate::kernel::{Denial, Fault, Outcome};
use crate::platform::claim::Claim;
use crate::platform::context::Context;

/// What was answered, without what is told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The version it showed.
    pub etag: Option<String>,
    /// The body, if there was one.
    pub body: Option<Value>,
}

impl Ledger {
    /// What was answered when this was done; `None`: nobody did it yet. A denial: it is under way or its answer was
    /// lost, or its key stands for something else.
    pub async fn answered(&self, claim: &Claim, context: &Context) -> Outcome<Option<Answered>> {
        let (caller, key, now) = (claim.caller, claim.key.clone(), context.now);
        let found = self.read(move |connection| store::find(connection, caller, &key, now));
        Ok(match found.await? {
            None => Ok(None),
            Some(kept) if kept.fingerprint != claim.fingerprint => Err(Denial::KeyReused),
            Some(kept) => kept.answered.map(Some).ok_or(Denial::KeyInUse),
        })
    }

    /// Keeps what was answered to a claim that was taken.
    pub async fn keep_answer(
        &self,
        claim: &Claim,
        context: &Context,
        answered: Answered,
    ) -> Result<(), Fault> {
        let (caller, key, attempt) = (claim.caller, claim.key.clone(), claim.attempt);
        let context = Context { claim: None, ..context.clone() };
        let act = self.act(&context, move |work| {
            work.nothing_to_tell("what was done is told already");
            Ok(Ok(store::keep(work, (caller, &key, attempt), &answered)?))
        });
        act.await?.map_err(|_| Fault::internal("an answer was not to be kept"))
    }
}

//! One attempt at a time for each account and network, on this node.
//!
//! An attempt is counted as failed before the password is checked, so that of many at once none escapes the
//! count. Taking turns keeps that from refusing honest ones: the next attempt sees how the last one ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::kernel::{Fault, SecretHash};
use crate::platform::client_ip::Network;

/// Accounts and networks that may be waited for at once.
const MOST: usize = 4096;

/// Attempts that may wait for each other.
const WAITING: usize = 64;

/// Whose turn it is.
#[derive(Default)]
pub struct Turns(Mutex<HashMap<(SecretHash, Network), Turn>>);

type Turn = Arc<tokio::sync::Mutex<()>>;

impl Turns {
    /// Waits until no other attempt of this account from this network is under way; the turn lasts as long as
    /// what is returned.
    pub(super) async fn take(
        &self,
        account: SecretHash,
        network: Network,
    ) -> Result<OwnedMutexGuard<()>, Fault> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= MOST {
                // Nobody but this map holds a turn that is neither taken nor waited for.
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            if turns.len() >= MOST {
                return Err(Fault::unavailable("too many sign-ins at once"));
            }
            let turn = turns.entry((account, network)).or_default();
            if Arc::strong_count(turn) > WAITING {
                return Err(Fault::unavailable("too many sign-ins to one account at once"));
            }
            Arc::clone(turn)
        };
        Ok(turn.lock_owned().await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(ip: &str) -> Network {
        Network::of(ip.parse().unwrap())
    }

    #[tokio::test]
    async fn attempts_of_one_account_from_one_network_take_turns_and_others_do_not_wait() {
        let turns = Turns::default();
        let (ada, bob) = (SecretHash::of("ada"), SecretHash::of("bob"));
        let first = turns.take(ada, network("192.0.2.1")).await.unwrap();
        let mut second = Box::pin(turns.take(ada, network("192.0.2.1")));
        assert!(futures_util::future::poll_immediate(&mut second).await.is_none());
        turns.take(ada, network("192.0.2.2")).await.unwrap();
        turns.take(bob, network("192.0.2.1")).await.unwrap();
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn only_so_many_wait_for_each_other() {
        let (turns, ada) = (Turns::default(), SecretHash::of("ada"));
        let first = turns.take(ada, network("192.0.2.1")).await.unwrap();
        let mut waiting: Vec<_> =
            (1..WAITING).map(|_| Box::pin(turns.take(ada, network("192.0.2.1")))).collect();
        for one in &mut waiting {
            assert!(futures_util::future::poll_immediate(one).await.is_none());
        }
        assert!(turns.take(ada, network("192.0.2.1")).await.is_err());
        drop(first);
        waiting.swap_remove(0).await.unwrap();
    }

    #[tokio::test]
    async fn a_million_names_take_bounded_memory() {
        let turns = Turns::default();
        for name in 0..2 * MOST {
            turns.take(SecretHash::of(&name.to_string()), network("192.0.2.1")).await.unwrap();
        }
        assert!(turns.0.lock().unwrap().len() <= MOST);
    }
}

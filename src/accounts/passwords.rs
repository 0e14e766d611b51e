//! Passwords: argon2id, on threads of their own, so that a flood of sign-ins delays nothing else.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::kernel::{Fault, Password};
use crate::platform::entropy::Entropy;

/// Settings of the section `passwords`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordSettings {
    /// Characters a new password must have at least.
    pub min_chars: usize,
    /// KiB of memory a hash takes.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub iterations: u32,
    /// Hashes computed at once, a thread each.
    pub threads: usize,
    /// Sign-ins that may wait for a thread; beyond it the answer is 503.
    pub queue: usize,
}

type Job = Box<dyn FnOnce() + Send>;

/// Hashes and verifies on a bounded pool.
#[derive(Clone)]
pub struct Passwords {
    algorithm: Argon2<'static>,
    /// Verified against when there is no account, so that the answer takes the same time.
    decoy: Arc<str>,
    jobs: SyncSender<Job>,
    places: Arc<Semaphore>,
    min_chars: usize,
}

/// A place in the queue, kept as long as any clone of it, for one hash at a time; taken before an attempt is counted: who is told to try again was not counted.
#[derive(Clone)]
pub struct Place(Arc<OwnedSemaphorePermit>);

impl Passwords {
    /// Starts the threads.
    pub fn start(settings: &PasswordSettings) -> Result<Self, Fault> {
        let algorithm = algorithm(settings)?;
        let threads = settings.threads.max(1);
        let (jobs, waiting) = sync_channel::<Job>(settings.queue + threads);
        let places = Arc::new(Semaphore::new(settings.queue + threads));
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&waiting))
                .map_err(Fault::internal)?;
        }
        let decoy = hash_with(&algorithm, "nobody's password")?.into();
        Ok(Self { algorithm, decoy, jobs, places, min_chars: settings.min_chars })
    }

    /// Characters that a new password must have at least.
    pub fn min_chars(&self) -> usize {
        self.min_chars
    }

    /// Takes a place in the queue; 503 if there is none.
    pub fn place(&self) -> Result<Place, Fault> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place
            .map(|permit| Place(Arc::new(permit)))
            .map_err(|_| Fault::unavailable("too many sign-ins at once"))
    }

    /// Whether this is the password of that hash. Without a hash it is not, but that takes as long to say.
    pub async fn verify(
        &self,
        place: Place,
        password: Password,
        hash: Option<String>,
    ) -> Result<bool, Fault> {
        let decoy = Arc::clone(&self.decoy);
        self.queue(place, move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(&decoy);
            let parsed = PasswordHash::new(hash).map_err(Fault::internal)?;
            let matches = Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok();
            Ok(known && matches)
        })
        .await
    }

    /// The hash to store for a new password.
    pub async fn hash(&self, place: Place, password: Password) -> Result<String, Fault> {
        let algorithm = self.algorithm.clone();
        self.queue(place, move || hash_with(&algorithm, password.expose())).await
    }

    async fn queue<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            drop(answer.send(work()));
            drop(place.0);
        });
        self.jobs.try_send(job).map_err(|_| Fault::internal("the password threads are gone"))?;
        answered.await.map_err(Fault::internal)?
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // A job that panics fails alone; its thread goes on with the next.
            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
            Err(_) => return,
        }
    }
}

fn algorithm(settings: &PasswordSettings) -> Result<Argon2<'static>, Fault> {
    let params = Params::new(settings.memory_kib, settings.iterations, 1, None)
        .map_err(|error| Fault::internal(format!("the settings of passwords: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes on the calling thread, for commands.
pub fn hash_here(settings: &PasswordSettings, password: &Password) -> Result<String, Fault> {
    hash_with(&algorithm(settings)?, password.expose())
}

fn hash_with(algorithm: &Argon2<'static>, password: &str) -> Result<String, Fault> {
    let salt = Entropy.bytes::<16>();
    let hash = algorithm.hash_password_with_salt(password.as_bytes(), &salt).map_err(Fault::internal)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PasswordSettings {
        PasswordSettings { min_chars: 8, memory_kib: 19_456, iterations: 2, threads: 1, queue: 1 }
    }

    fn password(text: &str) -> Password {
        Password::parse(text.into()).unwrap()
    }

    #[tokio::test]
    async fn only_the_password_of_the_hash_is_right() {
        let passwords = Passwords::start(&settings()).unwrap();
        let hash = passwords.hash(passwords.place().unwrap(), password("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords
                .verify(passwords.place().unwrap(), password("correct horse"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords.verify(passwords.place().unwrap(), password("wrong horse"), Some(hash)).await.unwrap()
        );
        assert!(
            !passwords.verify(passwords.place().unwrap(), password("nobody's password"), None).await.unwrap()
        );
    }

    #[tokio::test]
    async fn beyond_the_queue_the_answer_is_try_again() {
        let passwords = Passwords::start(&settings()).unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = passwords.clone();
        let (started, running) = oneshot::channel();
        let first = tokio::spawn(async move {
            busy.queue(busy.place().unwrap(), move || {
                let _ = started.send(());
                held.recv().map_err(Fault::internal)
            })
            .await
        });
        running.await.unwrap();
        let waiting = passwords.clone();
        let second = waiting.queue(waiting.place().unwrap(), || Ok(()));
        let mut second = Box::pin(second);
        assert!(futures_util::future::poll_immediate(&mut second).await.is_none());
        let third = passwords.place();
        assert_eq!(third.err().unwrap().kind(), crate::kernel::FaultKind::Unavailable);
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap();
    }
}

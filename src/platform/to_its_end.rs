//! Acts that a browser which hangs up does not cut short.

use crate::kernel::{Fault, Outcome};

/// Runs an act to its end, whoever waits for it: what it counted first would otherwise stay counted.
pub async fn to_its_end<T: 'static>(act: impl Future<Output = Outcome<T>> + 'static) -> Outcome<T> {
    actix_web::rt::spawn(act).await.map_err(Fault::internal)?
}

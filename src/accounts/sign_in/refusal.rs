//! How a refused password is told, wherever one is asked for.

use actix_web::http::StatusCode;

use crate::kernel::Denial;

/// The status, and the sentence beside the field; `wrong`: what to say of a wrong one.
pub fn refused(denial: &Denial, wrong: &str) -> (StatusCode, String) {
    match denial {
        Denial::SignInPaused(seconds) => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("Too many wrong passwords. Try again in {}.", in_words(*seconds)),
        ),
        _ => (StatusCode::FORBIDDEN, wrong.to_owned()),
    }
}

fn in_words(seconds: u32) -> String {
    match seconds.div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

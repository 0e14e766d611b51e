//! `/api/v1/users`: the people of this server, for its administrators. Disabling them ends what acts for them, and is
//! answered where that is known.

mod http;
pub mod shown;

pub use http::endpoints;

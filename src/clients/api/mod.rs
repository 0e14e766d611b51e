//! `/api/v1/clients`: registering clients, shutting them out, giving them new secrets.

mod flow;
mod http;
mod shown;
mod wanted;

pub use http::endpoints;

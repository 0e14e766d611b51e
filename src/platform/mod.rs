//! Between the process and the world: time, randomness, the database, the browser, the log.
//!
//! Everything here could serve another product; nothing here knows a rule of OAuth.

pub mod clock;
pub mod entropy;
pub mod seal;
pub mod db;
pub mod hearing;
pub mod invalidation;
pub mod listener;
pub mod cache;
pub mod private_postgres;
pub mod probe;
pub mod logging;
pub mod metrics;
pub mod request_id;
pub mod claim;
pub mod trace;
pub mod client_ip;
pub mod context;
pub mod leaving;
pub mod door;
pub mod form;
pub mod csrf;
pub mod html;
pub mod notice;
pub mod moment;
pub mod faces;
pub mod problem;
pub mod api;
pub mod to_its_end;

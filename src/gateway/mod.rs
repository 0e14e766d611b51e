//! In front of somebody's API: asked by the proxies that stand there.

pub mod forward_auth;

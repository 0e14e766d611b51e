//! Putting it together: settings, database, routes, startup, commands.

mod assets;
mod background;
mod checkpoints;
pub mod commands;
pub mod database;
mod health;
pub mod management;
mod neighbours;
pub mod partitions;
mod routes;
pub mod settings;
mod signals;
pub mod startup;
mod verification;

//! The `grantor` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Cargo.toml says why.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    grantor::app::commands::run()
}

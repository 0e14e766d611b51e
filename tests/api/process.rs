//! Servers as processes: killed, drained, side by side.

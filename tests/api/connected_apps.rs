//! Connected apps, and taking access back.

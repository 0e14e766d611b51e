//! How a page is looked at.

/// A width, a time of day, and whether scripts run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub script: bool,
}

impl Look {
    /// A phone has a viewport of its own; a window has not.
    pub fn is_phone(self) -> bool {
        self.width < 600
    }
}

/// What most tests look at.
pub const DESK: Look = Look { width: 1280, height: 800, dark: false, script: true };

/// The smallest phone worth the name.
pub const PHONE: Look = Look { width: 360, height: 780, dark: false, script: true };

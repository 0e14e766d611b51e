//! Who may act: every grant and every reason why not.

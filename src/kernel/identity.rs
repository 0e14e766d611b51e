//! How people are named and recognised: identifiers, addresses, passwords, and texts shown to them.
//!
//! Everything is normalised before it is checked, and checked before it is compared, so that two spellings
//! of one name cannot become two accounts, nor one spelling pass a check as another.

mod visible;
mod user_identifier;
mod email_address;
mod password;
mod display_text;

pub use display_text::{DisplayText, DisplayTextProblem};
pub use email_address::{EmailAddress, InvalidEmailAddress};
pub use password::{Password, PasswordProblem};
pub use user_identifier::{InvalidUserIdentifier, UserIdentifier};

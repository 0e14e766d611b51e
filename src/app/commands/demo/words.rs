//! What the demo says.

use serde_json::json;

use crate::app::commands::demo::furnish::{Cast, IDENTIFIER, PASSWORD, TOOLS_REDIRECT, TOOLS_SCOPE};
use crate::app::commands::demo::stage::Stage;
use crate::app::commands::{Refusal, Shell, print};

/// Says that it will take a moment.
pub(super) fn at_first(shell: &Shell) -> Result<(), Refusal> {
    to_a_person(shell, "A database, Grantor, an app and an API are being started …\n")
}

/// Says what to open and what to try: to a program, in one line.
pub(super) fn what_to_try(shell: &Shell, stage: &Stage, cast: &Cast) -> Result<(), Refusal> {
    let (issuer, app, api) = (&stage.settings.issuer, stage.app_url(), stage.api_url());
    let (web, public) = (&cast.web.client.id, &cast.public.client.id);
    if shell.json {
        let value = json!({
            "issuer": issuer, "app": format!("{app}/"), "api": format!("{api}/"),
            "user": { "identifier": IDENTIFIER, "password": PASSWORD },
            "clients": { "web": web.as_str(), "public": public.as_str() },
        });
        return print(&value.to_string());
    }
    print(&format!(
        "Grantor runs at {issuer}. Parcel, an app of somebody else's, would like to use an API in your name:

  1. Open  {app}/  and press \"Connect with Grantor\".
  2. Sign in as  {IDENTIFIER}  with the password  {PASSWORD}
  3. Press \"Allow\". (To try \"Deny\", or an unticked box, disconnect Parcel first, as in 5, and connect again.)
  4. In Parcel, look at your orders, place one, and refresh.
  5. Open  {issuer}/account/apps  and press \"Disconnect\".
  6. Look at your orders in Parcel again: it is refused, says so, and offers to connect anew.
  7. Connect it again, remove only \"Place orders for you\" at Grantor, and try to place one: Parcel is refused,
     and asks for it again if you like.

To try tools of your own, there is \"Test client\", a public one, without a secret and with PKCE (S256):

  client_id     {public}
  redirect_uri  {TOOLS_REDIRECT}  (at any port)
  scope         {TOOLS_SCOPE}
  metadata      {issuer}/.well-known/oauth-authorization-server
  API           {api}/

Everything is on this machine only, and gone when you press Ctrl-C."
    ))
}

/// Says that nothing is left.
pub(super) fn at_last(shell: &Shell) -> Result<(), Refusal> {
    to_a_person(shell, "\nThe demo is over, and everything that it made is gone.")
}

fn to_a_person(shell: &Shell, words: &str) -> Result<(), Refusal> {
    if shell.json { Ok(()) } else { print(words) }
}

//! Two requests at once, in two tabs of one browser (check A34).

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::{ADA, BOB, PASSWORD};

#[tokio::test]
async fn requests_finished_in_crossed_order_each_get_their_own_code() {
    let stage = Stage::set().await;
    let (shop, diary) = (stage.shop(), stage.shop_named("Diary", "Diary Ltd"));
    let (one, two) = (stage.tab(DESK).await, stage.tab(DESK).await);
    one.come_forward().await;
    one.go(&shop.authorize_path(&[("scope", "orders:read"), ("state", "one")])).await;
    two.come_forward().await;
    two.go(&diary.authorize_path(&[("scope", "people:read"), ("state", "two")])).await;
    two.sign_in(ADA).await;
    two.says("Allow Diary to use your account?").await;

    // She signed in at the second; a reload takes the first along, and does not mistake it for the second.
    one.come_forward().await;
    one.leave(one.driver().refresh()).await;
    one.check(200).await;
    one.says("Allow Shop to use your account?").await;

    for (tab, client, state, scope) in
        [(&two, &diary, "two", "people:read"), (&one, &shop, "one", "orders:read")]
    {
        tab.come_forward().await;
        tab.press("Allow").await;
        let told = stage.elsewhere.told();
        assert_eq!(told["state"], state);
        let answer = client.redeem(&stage.app, &told["code"]).await;
        answer.is_ok();
        assert_eq!(answer.text("scope"), scope);
    }
}

/// The form of a tab that was open before somebody signed in elsewhere: whoever did is led on, and who is somebody else
/// is asked again.
#[tokio::test]
async fn a_form_older_than_the_session_takes_nobody_for_somebody_else() {
    let stage = Stage::set().await;
    let (hers, his, new) = (stage.tab(DESK).await, stage.tab(DESK).await, stage.tab(DESK).await);
    let shop = stage.shop();
    for old in [&hers, &his] {
        old.come_forward().await;
        old.go(&shop.authorize_path(&[])).await;
    }
    new.come_forward().await;
    new.go("/login").await;
    new.sign_in(ADA).await;

    hers.come_forward().await;
    hers.sign_in(ADA).await;
    hers.says("Allow Shop to use your account?").await;
    hers.says("Ada Lovelace").await;

    his.come_forward().await;
    his.type_in(BOB.identifier, PASSWORD).await;
    his.press_expecting(403, "Sign in").await;
    his.says("Ada Lovelace has signed in in this browser meanwhile.").await;
    his.sign_in(BOB).await;
    his.says("Bob Byron").await;
}

//! The values of the chain: where an event stands, its hash, a batch's link, a checkpoint.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use uuid::Uuid;

use crate::audit::chain::canonical::{self, Hash, Message};

/// Where an event stands in the order of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) transaction: i64,
    pub(super) at: DateTime<Utc>,
    pub(super) id: Uuid,
}

impl Place {
    /// Before every event.
    pub(super) const START: Self = Self { transaction: i64::MIN, at: DateTime::UNIX_EPOCH, id: Uuid::nil() };
}

/// The first day of the month of a moment, as partitions have it.
pub(super) fn month_of(moment: DateTime<Utc>) -> NaiveDate {
    let day = moment.date_naive();
    day.with_day(1).unwrap_or(day)
}

/// An event as it is hashed.
#[derive(Clone, Debug)]
pub(super) struct Sealable {
    pub(super) place: Place,
    pub(super) kind: String,
    pub(super) outcome: String,
    pub(super) actor_kind: String,
    pub(super) actor_id: Option<Uuid>,
    pub(super) target_kind: Option<String>,
    pub(super) target_id: Option<String>,
    pub(super) client_id: Option<Uuid>,
    pub(super) request_id: Option<String>,
    pub(super) ip: Option<String>,
    pub(super) user_agent: Option<String>,
    /// JSON, as text.
    pub(super) data: String,
}

impl Sealable {
    /// Its hash, as `canonical.rs` describes it.
    pub(super) fn leaf(&self) -> Leaf {
        let message = Message::new("grantor event 1")
            .number(self.place.transaction)
            .moment(self.place.at)
            .id(self.place.id)
            .text(&self.kind)
            .text(&self.outcome)
            .text(&self.actor_kind)
            .maybe(self.actor_id, Message::id)
            .maybe(self.target_kind.as_deref(), Message::text)
            .maybe(self.target_id.as_deref(), Message::text)
            .maybe(self.client_id, Message::id)
            .maybe(self.request_id.as_deref(), Message::text)
            .maybe(self.ip.as_deref(), Message::text)
            .maybe(self.user_agent.as_deref(), Message::text)
            .hash(&canonical::data(&self.data));
        Leaf { id: self.place.id, hash: message.end() }
    }
}

/// An event's id and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) id: Uuid,
    pub(super) hash: Hash,
}

impl Leaf {
    const BYTES: usize = 48;

    /// Many of them, as they are stored.
    pub(super) fn pack(leaves: &[Self]) -> Vec<u8> {
        leaves.iter().flat_map(|leaf| leaf.id.into_bytes().into_iter().chain(leaf.hash)).collect()
    }

    /// What was stored; `None`: it is not what was.
    pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<Self>> {
        let read = |bytes: &[u8]| {
            let (id, hash) = bytes.split_at_checked(16)?;
            Some(Self { id: Uuid::from_slice(id).ok()?, hash: hash.try_into().ok()? })
        };
        bytes.chunks(Self::BYTES).map(read).collect()
    }
}

/// The hash of a batch of these.
pub(super) fn digest(leaves: &[Leaf]) -> Hash {
    leaves.iter().fold(canonical::BatchHash::default(), |batch, leaf| batch.with(&leaf.hash)).end()
}

/// A batch of events in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) batch: i64,
    pub(super) first_seq: i64,
    pub(super) last_seq: i64,
    pub(super) month: NaiveDate,
    pub(super) until: Place,
    pub(super) digest: Hash,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
    pub(super) sealed_at: DateTime<Utc>,
}

impl Link {
    /// The link that follows this one with these events, which are of one month; `None` for no events.
    pub(super) fn after(
        before: Option<&Self>,
        events: &[Sealable],
        leaves: &[Leaf],
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let until = events.last()?.place;
        let (batch, last_seq, previous) =
            before.map_or((0, 0, [0; 32]), |link| (link.batch, link.last_seq, link.hash));
        let mut link = Self {
            batch: batch + 1,
            first_seq: last_seq + 1,
            last_seq: last_seq + i64::try_from(events.len()).ok()?,
            month: month_of(until.at),
            until,
            digest: digest(leaves),
            previous,
            hash: [0; 32],
            sealed_at: now,
        };
        link.hash = link.computed();
        Some(link)
    }

    /// What its hash must be.
    pub(super) fn computed(&self) -> Hash {
        Message::new("grantor link 1")
            .hash(&self.previous)
            .number(self.batch)
            .number(self.first_seq)
            .number(self.last_seq)
            .day(self.month)
            .number(self.until.transaction)
            .moment(self.until.at)
            .id(self.until.id)
            .moment(self.sealed_at)
            .hash(&self.digest)
            .end()
    }

    /// How many events it has.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.last_seq - self.first_seq + 1).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u128) -> Sealable {
        let at = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        Sealable {
            place: Place { transaction: 7, at, id: Uuid::from_u128(id) },
            kind: "a.b".into(),
            outcome: "success".into(),
            actor_kind: "user".into(),
            actor_id: None,
            target_kind: None,
            target_id: Some("x".into()),
            client_id: None,
            request_id: None,
            ip: None,
            user_agent: None,
            data: "{}".into(),
        }
    }

    /// Each field counts, and what moves from one to its neighbour does, too.
    #[test]
    fn whatever_is_changed_changes_the_hash() {
        let changes: [fn(&mut Sealable); 15] = [
            |_| (),
            |event| event.place.transaction += 1,
            |event| event.place.at += chrono::Duration::microseconds(1),
            |event| event.place.id = Uuid::from_u128(9),
            |event| event.kind = "a.".into(),
            |event| event.outcome = "failure".into(),
            |event| (event.kind, event.outcome) = ("a.bs".into(), "uccess".into()),
            |event| event.actor_kind = "client".into(),
            |event| event.actor_id = Some(Uuid::nil()),
            |event| event.target_kind = Some(String::new()),
            |event| (event.target_kind, event.target_id) = (Some("x".into()), None),
            |event| event.client_id = Some(Uuid::nil()),
            |event| event.request_id = Some("r".into()),
            |event| (event.ip, event.user_agent) = (Some("::1".into()), Some("curl".into())),
            |event| event.data = r#"{"a":1}"#.into(),
        ];
        let mut hashes: Vec<Hash> = changes
            .iter()
            .map(|change| {
                let mut event = event(1);
                change(&mut event);
                event.leaf().hash
            })
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), changes.len());
    }

    #[test]
    fn leaves_are_read_as_they_are_stored() {
        let leaves = [event(1).leaf(), event(2).leaf()];
        let stored = Leaf::pack(&leaves);
        assert_eq!(Leaf::unpack(&stored).unwrap(), leaves);
        assert_eq!(Leaf::unpack(&stored[1..]), None);
        assert_eq!(Leaf::unpack(&stored[..20]), None);
    }

    #[test]
    fn a_link_follows_the_one_before_and_every_column_counts() {
        let (events, now) = ([event(1), event(2)], event(1).place.at);
        let leaves = events.clone().map(|event| event.leaf());
        let first = Link::after(None, &events, &leaves, now).unwrap();
        assert_eq!((first.batch, first.first_seq, first.last_seq, first.len()), (1, 1, 2, 2));
        let next = Link::after(Some(&first), &events[..1], &leaves[..1], now).unwrap();
        assert_eq!((next.batch, next.first_seq, next.last_seq, next.previous), (2, 3, 3, first.hash));
        assert_eq!(Link::after(None, &[], &[], now), None);
        let changes: [fn(&mut Link); 9] = [
            |link| link.batch += 1,
            |link| link.first_seq += 1,
            |link| link.last_seq += 1,
            |link| link.month = link.month.succ_opt().unwrap(),
            |link| link.until.transaction += 1,
            |link| link.until.id = Uuid::nil(),
            |link| link.digest[31] ^= 1,
            |link| link.previous[0] ^= 1,
            |link| link.sealed_at += chrono::Duration::microseconds(1),
        ];
        assert_eq!(next.computed(), next.hash);
        for change in changes {
            let mut link = next.clone();
            change(&mut link);
            assert_ne!(link.computed(), next.hash, "{link:?}");
        }
    }
}

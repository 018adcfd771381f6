//! Codes that are sent and RADIUS servers, gathered from all files.
//!
//! What belongs together may stand in several files: it is judged only when all are there.

use super::email::Email;
use super::located::Diagnostics;
use super::radius::Radius;
use super::set;
use super::sms::Sms;
use crate::config::document;
use crate::config::error::{Problem, Source};
use crate::config::settings::{Delivery, Settings};

/// `[delivery]`, `[delivery.email]`, `[delivery.sms]` and `[[radius]]` in the making.
#[derive(Default)]
pub(super) struct Outside {
    /// All but the channels.
    delivery: Delivery,
    email: Email,
    sms: Sms,
    radius: Radius,
}

impl Outside {
    pub(super) fn delivery(&mut self, written: document::Delivery, source: &Source) {
        let own = &mut self.delivery;
        set(&mut own.channel, written.channel.map(|channel| channel.0));
        set(&mut own.digits, written.digits.map(|digits| digits.0));
        set(&mut own.lifetime, written.lifetime.map(|time| time.0.0));
        let budget = &mut own.budget;
        set(&mut budget.messages, written.messages.map(|limit| limit.0));
        set(&mut budget.within, written.within.map(|time| time.0.0));
        set(&mut budget.pause, written.pause.map(|time| time.0.0));
        self.email.add(written.email, source);
        self.sms.add(written.sms, source);
    }

    pub(super) fn radius(
        &mut self,
        written: Vec<toml::Spanned<document::Radius>>,
        source: &Source,
    ) {
        self.radius.add(written, source);
    }

    /// Puts what holds in the end into `settings`, and returns what is wrong.
    pub(super) fn finish(self, settings: &mut Settings) -> Vec<Problem> {
        let mut diagnostics = Diagnostics::default();
        settings.delivery = Delivery {
            email: self.email.finish(&mut diagnostics),
            sms: self.sms.finish(&mut diagnostics),
            ..self.delivery
        };
        settings.radius = self.radius.finish(&mut diagnostics);
        settings.file_places = diagnostics.files;
        diagnostics.problems
    }
}

//! Test: what works, found out without a change anybody could see.

use super::Rfc2136;
use crate::{ErrorClass, ProviderError, TestReport, ZoneRef};
use zonecast_core::RecordType;
use zonecast_dns::{Connection, ResponseCode, Soa, Update};

impl Rfc2136 {
    /// Asks for the SOA, then deletes a record that is not there, then tries the transfer.
    pub(super) async fn look(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport::default();
        let mut connection = match self.connect(zone).await {
            Ok(connection) => connection,
            Err(error) => return TestReport { message: error.message, ..report },
        };
        let soa = match self.check_zone(zone, &mut connection).await {
            Ok(look) => look,
            Err(error) => {
                report.reachable = error.class != ErrorClass::Transient;
                report.authorised = error.class == ErrorClass::NoSuchZone;
                return TestReport { message: error.message, ..report };
            }
        };
        (report.reachable, report.zone_matches) = (true, true);
        if let Err(error) = self.probe(zone, &mut connection).await {
            report.authorised = error.class != ErrorClass::Unauthorized;
            return TestReport { message: error.message, ..report };
        }
        (report.authorised, report.can_write, report.ok) = (true, true, true);
        let serial = soa.records.iter().find_map(|(_, _, data, _)| Soa::from_data(data));
        let serial = serial.map_or(String::new(), |soa| format!(", serial {}", soa.serial));
        report.message = format!("{} takes updates of {}{serial}", self.servers[0], zone.name);
        if self.key.is_none() {
            report.advice.push("updates are not signed: whoever has the right address can write".to_owned());
        }
        self.put_back(connection);
        if let Err(error) = self.transfer(zone).await {
            report.advice.push(format!("the zone cannot be listed: {}", error.message));
        }
        report
    }

    /// Deletes a record that is not there, of the type we will write: NOERROR means it may be written.
    pub(super) async fn probe(
        &self,
        zone: &ZoneRef,
        connection: &mut Connection,
    ) -> Result<(), ProviderError> {
        let rtype = if zone.name.is_reverse() { RecordType::PTR } else { RecordType::A };
        let name = zone.name.child("zonecast-probe").unwrap_or_else(|_| zone.name.clone());
        let mut update = Update::new(zone.name.clone());
        // Should the name exist after all, nothing happens.
        update.require_no_name(&name);
        update.delete_set(&name, rtype);
        let answer = connection.update(&[update], 1, zone.deadline).await;
        let answer =
            answer.into_iter().next().ok_or_else(|| self.error(zone, ErrorClass::Transient, "not sent"))?;
        let answer = answer.map_err(|error| self.lost(zone, &error))?;
        match answer.rcode {
            ResponseCode::NOERROR | ResponseCode::YXDOMAIN => Ok(()),
            rcode => Err(self.refusal(zone, "the update", rcode, answer.fault.as_ref())),
        }
    }
}

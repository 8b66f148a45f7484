-- The audit trail can be added to but neither changed nor shortened (PCI DSS 10.3).
-- A cluster with binary logging on needs log_bin_trust_function_creators = 1 for these.
DROP TRIGGER IF EXISTS payment_events_no_update;
CREATE TRIGGER payment_events_no_update BEFORE UPDATE ON payment_events
  FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payment_events is append-only';

DROP TRIGGER IF EXISTS payment_events_no_delete;
CREATE TRIGGER payment_events_no_delete BEFORE DELETE ON payment_events
  FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'payment_events is append-only';

-- Payments as they were accepted. There is no column for card data: payment_token is the vault's token.
-- Keys compare byte by byte (ascii_bin): two idempotency keys that differ in case are two keys.
CREATE TABLE IF NOT EXISTS payments (
  payment_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  merchant_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payment_token VARCHAR(132) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reference VARCHAR(64) NULL,
  metadata JSON NULL,
  status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  PRIMARY KEY (payment_id),
  UNIQUE KEY one_payment_per_key (merchant_id, idempotency_key),
  KEY by_time (created_at),
  CONSTRAINT amount_is_positive CHECK (amount_minor > 0)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What happened to a payment, each thing once.
CREATE TABLE IF NOT EXISTS payment_events (
  event_id BIGINT NOT NULL AUTO_INCREMENT,
  payment_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  event_type VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  accepted_in VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  recorded_in VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  accepted_at DATETIME(6) NOT NULL,
  recorded_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  message_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  trace_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  PRIMARY KEY (event_id),
  UNIQUE KEY each_event_once (payment_id, event_type),
  CONSTRAINT event_of_payment FOREIGN KEY (payment_id) REFERENCES payments (payment_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Requests that came with the idempotency key of another payment. They had no effect; someone has to tell the merchant.
CREATE TABLE IF NOT EXISTS idempotency_conflicts (
  conflict_id BIGINT NOT NULL AUTO_INCREMENT,
  payment_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  merchant_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  recorded_fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  refused_fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  message_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detected_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  PRIMARY KEY (conflict_id),
  UNIQUE KEY each_conflict_once (payment_id, refused_fingerprint)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

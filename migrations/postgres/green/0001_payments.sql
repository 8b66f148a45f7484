-- Payments of the new system, those that come from the legacy one included. There is no column for card data: payment_token is the
-- vault's token.
CREATE TABLE IF NOT EXISTS payments (
  -- That of a migrated payment follows from its legacy id, so that it is the same however often it is copied.
  payment_id uuid PRIMARY KEY,
  -- Null: written by this system.
  legacy_id bigint UNIQUE,
  merchant_id varchar(64) NOT NULL,
  amount_minor bigint NOT NULL,
  currency char(3) NOT NULL,
  status text NOT NULL DEFAULT 'created',
  payment_token varchar(132) NOT NULL,
  reference text,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- That of a migrated payment is its legacy row's, by which an older state is told from a newer one.
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT merchant_is_named CHECK (merchant_id <> ''),
  CONSTRAINT amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT currency_is_a_code CHECK (currency ~ '^[A-Z]{3}$'),
  CONSTRAINT status_is_known CHECK (status IN ('created', 'authorised', 'captured', 'refunded', 'failed')),
  CONSTRAINT token_is_there CHECK (payment_token <> '')
);

CREATE INDEX IF NOT EXISTS payments_by_time ON payments (created_at, payment_id);
CREATE INDEX IF NOT EXISTS payments_by_merchant ON payments (merchant_id, created_at);

-- Legacy payments that were deleted: a state from before that never comes back.
CREATE TABLE IF NOT EXISTS sync_tombstones (
  legacy_id bigint PRIMARY KEY,
  deleted_at timestamptz NOT NULL
);

-- Legacy rows that this system doesn't accept, each with the reason and without any of its contents.
CREATE TABLE IF NOT EXISTS sync_quarantine (
  source_table text NOT NULL,
  legacy_id bigint NOT NULL,
  source_updated_at timestamptz NOT NULL,
  reason text NOT NULL,
  first_seen timestamptz NOT NULL DEFAULT now(),
  last_seen timestamptz NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 1,
  PRIMARY KEY (source_table, legacy_id)
);

-- The number of the last run of the synchronization that wrote here: whoever comes with a smaller one was taken for dead and is refused.
CREATE TABLE IF NOT EXISTS sync_fence (
  stream text PRIMARY KEY,
  fence bigint NOT NULL
);

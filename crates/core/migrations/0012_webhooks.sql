-- What is due, and what comes before it, are each found by one of these and cannot be by the other one: of a table that
-- has just been filled nothing is known, and then PostgreSQL may take either. That is what the second conditions are
-- for, which all rows fulfil.
drop index portcullis_webhook_deliveries_due;
create index portcullis_webhook_deliveries_due on portcullis_webhook_deliveries (endpoint, next_attempt_at)
    where state = 'pending' and next_attempt_at >= 0;
drop index portcullis_webhook_deliveries_order;
create index portcullis_webhook_deliveries_order on portcullis_webhook_deliveries (endpoint, order_key, event_id)
    where state = 'pending' and event_id >= 0;
-- What has ended is found by when it has.
create index portcullis_webhook_deliveries_ended on portcullis_webhook_deliveries (state, ended_at)
    where ended_at is not null;

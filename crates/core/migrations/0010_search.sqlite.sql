-- A search by the beginning of an address' domain or of a provider's user shall not go through everybody.
create index portcullis_email_domains on recipe_user_tenants (app_id, tenant_id, substr(account_info_value, instr(account_info_value, '@') + 1)) where account_info_type = 'email';
create index portcullis_third_parties on recipe_user_tenants (app_id, tenant_id, lower(account_info_value)) where account_info_type = 'tparty';

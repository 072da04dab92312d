-- Indexes that no statement needs, neither here nor of the reference once its users are moved: the beginning of
-- another index, its columns in another order, or an address that is looked up elsewhere.
drop index if exists tenants_app_id_index;
drop index if exists key_value_tenant_id_index;
drop index if exists app_id_to_user_id_app_id_index;
drop index if exists app_id_to_user_id_user_id_index;
drop index if exists idx_recipe_user_tenants_tenant;
drop index if exists userid_mapping_supertokens_user_id_index;
drop index if exists user_last_active_app_id_index;
drop index if exists emailpassword_users_email_index;
drop index if exists emailverification_verified_emails_app_id_index;
drop index if exists emailverification_tokens_tenant_id_index;
drop index if exists session_info_tenant_id_index;
drop index if exists user_metadata_app_id_index;
drop index if exists user_roles_tenant_id_index;
drop index if exists passwordless_users_email_index;
drop index if exists passwordless_users_phone_number_index;
drop index if exists thirdparty_users_email_index;
drop index if exists totp_users_app_id_index;
drop index if exists totp_user_devices_user_id_index;

-- SuperTokens keeps a provider's two ids beside the address alone, and empty beside their text.
update recipe_user_account_infos set third_party_id = '', third_party_user_id = '' where account_info_type = 'tparty' and third_party_id <> '';
update recipe_user_tenants set third_party_id = '', third_party_user_id = '' where account_info_type = 'tparty' and third_party_id <> '';

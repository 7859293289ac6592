/* @asset
autocommit: true
*/
-- Frees what deleted rows held.
VACUUM;

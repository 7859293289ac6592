/* @asset
description: Flights that the replica lacks, has in excess, or has with other values.
owner: team:network
# No SQL: two tables are compared by the primary key of the first, all columns that both have.
source: {connection: main, table: flights}
target: {connection: main, table: flights_replica}
*/

UPSERT INTO sales.orders ("c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10", "c11", "c12", "c13", "c14")
SELECT v.n0::int8, v.n1::decimal, v.n2::float8, v.n3::bool, v.n4::string, v.n5::varchar, v.n6::text, v.n7::date, v.n8::timestamptz, v.n9::uuid, v.n10::bytes, v.n11::jsonb, v.n12::varbit, v.n13::int8[], v.n14::interval
FROM (
    VALUES
        ((-5), '1.50', '0.1', 'true', 'it''s', 'v', 'c', '2024-02-29', '2024-10-27 02:30:00+00', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '\x00ff', '{"a": 1}', '101', '{1,NULL}', '1 mon', true, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (6, '1.50', '0.1', 'true', 'it''s', 'v', 'c', '2024-02-29', '2024-10-27 02:30:00+00', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '\x00ff', '{"a": 1}', '101', '{1,NULL}', '1 mon', false, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS v (n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, n12, n13, n14, there, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14)
LEFT JOIN sales.orders AS r ON r."c0" = v.n0::int8
WHERE (r."c0" IS NOT NULL) = v.there AND r."c1" IS NOT DISTINCT FROM v.s1::decimal AND r."c2" IS NOT DISTINCT FROM v.s2::float8 AND r."c3" IS NOT DISTINCT FROM v.s3::bool AND r."c4" IS NOT DISTINCT FROM v.s4::string AND r."c5" IS NOT DISTINCT FROM v.s5::varchar AND r."c6" IS NOT DISTINCT FROM v.s6::text AND r."c7" IS NOT DISTINCT FROM v.s7::date AND r."c8" IS NOT DISTINCT FROM v.s8::timestamptz AND r."c9" IS NOT DISTINCT FROM v.s9::uuid AND r."c10" IS NOT DISTINCT FROM v.s10::bytes AND r."c11" IS NOT DISTINCT FROM v.s11::jsonb AND r."c12" IS NOT DISTINCT FROM v.s12::varbit AND r."c13" IS NOT DISTINCT FROM v.s13::int8[] AND r."c14" IS NOT DISTINCT FROM v.s14::interval;

SELECT segment, count(*) AS n, sum(h)::text AS s FROM (SELECT (r."id"::int8 - (-5)) // 100 AS segment, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL)) AS x GROUP BY segment;

SELECT coalesce(r."id"::int8, 0) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND (r."id" >= 195 AND r."id" < 395);

SELECT segment, count(*) AS n, sum(h)::text AS s FROM (SELECT (r."id"::int8 - (-5)) // 100 AS segment, ('x' || substr(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~')), 1, 16))::bit(64)::int8 AS h FROM public.orders AS r WHERE (v IS NOT NULL)) AS x GROUP BY segment;

SELECT coalesce(r."id"::int8, 0) AS k, ('x' || substr(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~')), 1, 16))::bit(64)::int8 AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND (r."id" >= 195 AND r."id" < 395);

SELECT r."id"::text AS c0, r."v"::text AS c1 FROM public.orders AS r WHERE (v IS NOT NULL) AND ((r."id" < 95));

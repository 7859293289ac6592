SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND ((((fnv64(md5(r."id"::text || '|'))) & 15) IN (0, 2)) OR (((fnv64(md5(r."id"::text || '|'))) & 15) BETWEEN 3 AND 4));

SELECT r."id"::text AS c0, r."v" AS c1 FROM public.orders AS r WHERE (v IS NOT NULL) AND (((((fnv64(md5(r."id"::text || '|'))) & 15) IN (0, 2)) OR (((fnv64(md5(r."id"::text || '|'))) & 15) BETWEEN 3 AND 4)));

SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND ((r."id" < 'a''b'::date) OR (r."id" >= 'c'::date AND r."id" < 'd'::date) OR (r."id" >= 'd'::date));

SELECT r."id"::text AS c0, r."v" AS c1 FROM public.orders AS r WHERE (v IS NOT NULL) AND (((r."id" < 'a''b'::date) OR (r."id" >= 'c'::date AND r."id" < 'd'::date) OR (r."id" >= 'd'::date)));

SELECT r."id"::text AS c0, r."v" AS c1 FROM public.orders AS r WHERE (v IS NOT NULL) AND (((r."id") IN (('x''y'))) OR (r."id" IS NULL));

SELECT min(r."id")::text AS low, max(r."id")::text AS high FROM public.orders AS r WHERE (v IS NOT NULL);

SELECT count(*) AS n FROM (SELECT 1 AS one FROM public.orders AS r WHERE (v IS NOT NULL) LIMIT 100) AS x;

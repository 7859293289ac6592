SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND ((r."id", r."id") < ('00000000-0000-0000-0000-000000000001'::uuid, 'it''s'::text));

SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND ((r."id", r."id") >= ('00000000-0000-0000-0000-000000000001'::uuid, 'it''s'::text) AND (r."id", r."id") < ('a'::uuid, 'b'::text));

SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL) AND ((r."id", r."id") >= ('a'::uuid, 'b'::text));

SELECT fnv64(md5(r."id"::text || '|')) AS k, fnv64(md5(r."id"::text || '|' || coalesce(length(r."v"::text)::text || ':' || r."v"::text, '~'))) AS h FROM public.orders AS r WHERE (v IS NOT NULL);

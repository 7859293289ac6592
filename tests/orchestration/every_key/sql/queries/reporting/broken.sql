SELECT count(*) AS orders FORM sales.orders;

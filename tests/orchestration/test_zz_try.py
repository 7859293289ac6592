import time
from tests.peers.dagster_dev import wait_until
def test_x(ui, administrator):
    print(ui.printed)
    for asset in ("reporting/silent","reporting/endless","maintenance/slow_delete"):
        t=time.monotonic(); run=ui.launch(asset)
        q="SELECT count(*), min(application_name), min(left(query,80)) FROM pg_stat_activity WHERE state='active' AND application_name LIKE %s"
        act=lambda: administrator.execute(q, [f"%{asset}%"]).fetchone()
        wait_until(lambda: act()[0]>0, 40, lambda: f"no statement {ui.status(run)}")
        print(asset, "statement seen after", round(time.monotonic()-t,2), act())
        time.sleep(1)
        t=time.monotonic(); ui.terminate(run)
        print("request", round(time.monotonic()-t,2))
        try:
            wait_until(lambda: act()[0]==0, 20, lambda: f"still there")
            print("gone after", round(time.monotonic()-t,2))
        except AssertionError as e: print(e)
        print(ui.wait_for_end(run), round(time.monotonic()-t,2))

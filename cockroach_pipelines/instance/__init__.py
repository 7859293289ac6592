"""What dagster.yaml names, which the webserver and the daemon load: nothing here imports the rest of the package."""

#!/usr/bin/env bash
# A spreadsheet out: the portfolio as CSV, for somebody who may see the portfolio. The token needs the scope `read`.
# The file of last time stays when there is no new one.
set -euo pipefail
curl --silent --show-error --fail --retry 2 --max-time 60 \
  -H "Authorization: Bearer $GATEKEEPER_TOKEN" -H "Accept: text/csv" \
  --output portfolio.new "$GATEKEEPER_URL/api/v1/portfolio/"
mv portfolio.new portfolio.csv

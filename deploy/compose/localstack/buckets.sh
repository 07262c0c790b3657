#!/bin/sh
# LocalStack runs this when it is ready: the store expects its buckets, as it would at Amazon.
set -e
for bucket in truestyle-files truestyle-backups; do
  awslocal s3api head-bucket --bucket "$bucket" 2>/dev/null || awslocal s3 mb "s3://$bucket"
done

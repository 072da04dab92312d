//! A door for the fuzz targets: paths.

use super::RouteTable;
use super::path;

/// App, tenant and endpoint of a path.
pub fn take_apart(routes: &RouteTable, path: &str, base_path: &str) -> Option<[String; 3]> {
    let parts = path::take_apart(path, base_path, |endpoint| routes.is_endpoint(endpoint))?;
    Some([parts.app_id, parts.tenant_id, parts.endpoint])
}

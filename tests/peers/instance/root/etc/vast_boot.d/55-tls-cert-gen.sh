# shellcheck shell=bash disable=SC2154 # the caller or an earlier script sets them
# A self-signed RSA certificate when there is no usable one. The original asks a signing service
# first and pauses two seconds before it starts; neither is repeated here.
if [[ $generate_certificate == true && ! -s /etc/instance.crt ]]; then
    openssl req -newkey rsa:2048 -nodes -subj "/CN=instance" \
        -addext "subjectAltName=IP:0.0.0.0" \
        -keyout /etc/instance.key -out /etc/instance.csr 2>/dev/null
    openssl x509 -req -days 365 -copy_extensions copy -in /etc/instance.csr -signkey /etc/instance.key \
        -out /etc/instance.crt 2>/dev/null
fi
